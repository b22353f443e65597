-- wrk calls done() at the end: its figures as one line of JSON, exact where the text is rounded.
-- https://github.com/wg/wrk/blob/master/SCRIPTING
function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      '@@WRK@@ {"requests": %d, "duration_us": %d, "bytes": %d, "errors": {"connect": %d, "read": %d, ' ..
      '"write": %d, "status": %d, "timeout": %d}, "latency_us": {"mean": %.3f, "min": %d, "p50": %d, ' ..
      '"p95": %d, "p99": %d, "max": %d}}\n',
      summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout,
      latency.mean, latency.min, latency:percentile(50), latency:percentile(95), latency:percentile(99),
      latency.max))
end
