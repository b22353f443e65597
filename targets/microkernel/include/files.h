/* The RAM file system server, "ramfs": files of the initrd, and those that are made. tasks/ramfs/README.md tells more.
 *
 * Each request is one call. Paths begin with '/', are divided by single '/', have no "." and ".."; they lie at the beginning of the
 * lent pages, without an end mark. Data are read into and written from the lent pages, from any byte on. An open file is a number
 * that is good for the space that opened it, until that closes it or ends, or the server does. */
#ifndef MK_FILES_H
#define MK_FILES_H

#define FILES_PATH_MOST 1023      /* bytes */
#define FILES_NAME_MOST 255
#define FILES_OPEN_MOST 64        /* of a space */
#define FILES_BYTES_MOST 0x800000u /* of a file that is written */

/* label: words, pages -> word 0: 0 or more, or an error; more words. Words 7 and 8 are the pages, MK_READ | MK_WRITE where the
 * server puts something into them. */
#define FILES_OPEN 1      /* 0 bytes of the path, 1 FILES_WRITE | ...; path -> 0 file, 1 bytes, 2 FILES_DIRECTORY or 0,
			   * 3 seconds of unix time when it was changed */
#define FILES_STATUS 2    /* 0 bytes of the path; path -> 0, 1, 2, 3 as above */
#define FILES_CLOSE 3     /* 0 file -> 0 */
#define FILES_READ 4      /* 0 file, 1 from where, 2 bytes, 3 where in the pages -> 0 bytes, fewer only at the end */
#define FILES_CHANGE 5    /* 0 file, 1 from where, 2 bytes, 3 where in the pages -> 0 bytes; a gap is filled with zeros */
#define FILES_LIST 6      /* 0 bytes of the path, 1 which of the folder's; path -> 0 bytes of its name, 2 as above; name in place
			   * of the path */
#define FILES_FOLDER 7    /* 0 bytes of the path; path -> 0: makes one */
#define FILES_REMOVE 8    /* 0 bytes of the path; path -> 0: a file, or an empty folder */

#define FILES_WRITE 1u            /* open it for that too */
#define FILES_MAKE 2u             /* if there is none */
#define FILES_EMPTY 4u            /* it has no bytes then */
#define FILES_DIRECTORY 1u

#define FILES_ENONE (-32)         /* no such file */
#define FILES_ETHERE (-33)        /* there is one already */
#define FILES_EKIND (-34)         /* a folder where a file is needed, or the other way round */
#define FILES_EUSED (-35)         /* a folder that is not empty */
#define FILES_EPATH (-36)         /* not a path */
#endif
