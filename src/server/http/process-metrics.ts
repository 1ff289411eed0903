import process from 'node:process';
import type { FileSystem } from '../../runtime/interface.ts';
import type { HttpContext } from './http-context.ts';
import type { MetricsText } from './metrics.ts';

const microsecondsPerSecond = 1_000_000;

/** The server process, by the names that all clients of Prometheus use; what Linux alone tells is left out elsewhere. */
export function processMetrics(metrics: MetricsText, { node, eventLoop }: HttpContext): void {
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / microsecondsPerSecond;
  metrics.counter('process_cpu_seconds_total', 'Processor time of all threads.', cpuSeconds);
  const { rss, heapUsed, external } = process.memoryUsage();
  metrics.gauge('process_resident_memory_bytes', 'Resident memory.', rss);
  metrics.gauge('nodejs_heap_size_used_bytes', 'JavaScript objects of the main thread.', heapUsed);
  metrics.gauge('nodejs_external_memory_bytes', 'Memory that belongs to objects of the main thread.', external);
  fileMetrics(metrics, node.runtime.files);
  const delay = 'How late timers of the main thread come.';
  metrics.histogram('quorate_event_loop_delay_seconds', delay, eventLoop.delays.read());
}

function fileMetrics(metrics: MetricsText, files: FileSystem): void {
  const open = files.listSync('/proc/self/fd').length;
  if (open > 0) {
    metrics.gauge('process_open_fds', 'Open files, sockets among them.', open);
    const limits = Buffer.from(files.readFileSync('/proc/self/limits')).toString();
    const [, limit] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
    if (limit !== undefined) {
      metrics.gauge('process_max_fds', 'Open files that the system allows.', Number(limit));
    }
  }
}
