/* System calls of the LibOS's files, which have no header: a table calls them. */
#ifndef FS_CALLS_H
#define FS_CALLS_H
#include <linux/memfd.h>

long sys_read(int, void *, size_t);
long sys_write(int, const void *, size_t);
long sys_pread64(int, void *, size_t, s64);
long sys_pwrite64(int, const void *, size_t, s64);
long sys_readv(int, const struct iovec *, u64);
long sys_writev(int, const struct iovec *, u64);
long sys_lseek(int, s64, int);
long sys_open(const char *, u32, u32);
long sys_openat(int, const char *, u32, u32);
long sys_openat2(int, const char *, const void *, size_t);
long sys_close(int);
long sys_close_range(u32, u32, u32);
long sys_dup(int);
long sys_dup2(int, int);
long sys_dup3(int, int, u32);
long sys_fcntl(int, u32, u64);
long sys_ioctl(int, u32, u64);
long sys_stat(const char *, struct stat *);
long sys_lstat(const char *, struct stat *);
long sys_fstat(int, struct stat *);
long sys_newfstatat(int, const char *, struct stat *, u32);
long sys_access(const char *, u32);
long sys_faccessat(int, const char *, u32);
long sys_link(const char *, const char *);
long sys_linkat(int, const char *, int, const char *, u32);
long sys_symlink(const char *, const char *);
long sys_symlinkat(const char *, int, const char *);
long sys_unlink(const char *);
long sys_unlinkat(int, const char *, u32);
long sys_rmdir(const char *);
long sys_mkdir(const char *, u32);
long sys_mkdirat(int, const char *, u32);
long sys_mknodat(int, const char *, u32, u64);
long sys_rename(const char *, const char *);
long sys_renameat2(int, const char *, int, const char *, u32);
long sys_readlink(const char *, char *, s32);
long sys_readlinkat(int, const char *, char *, s32);
long sys_getdents64(int, void *, u32);
long sys_truncate(const char *, s64);
long sys_ftruncate(int, s64);
long sys_fallocate(int, u32, s64, s64);
long sys_chmod(const char *, u32);
long sys_fchmodat(int, const char *, u32);
long sys_fchownat(int, const char *, u32, u32, u32);
long sys_utimensat(int, const char *, const struct timespec *, u32);
long sys_umask(u32);
long sys_chdir(const char *);
long sys_fchdir(int);
long sys_chroot(const char *);
long sys_flock(int, u32);
long sys_getcwd(char *, size_t);
long sys_memfd_create(const char *, u32);
long sys_sendfile(int, int, s64 *, size_t);
long sys_copy_file_range(int, s64 *, int, s64 *, size_t, u32);
long sys_mmap(u64, u64, u64, u64, u64, u64);
long sys_munmap(u64, u64);
#endif
