/** One structured log. Lines go to stderr: stdout belongs to data. */
import { pino, type Logger } from 'pino';

export function createLogger(level = process.env.LIFEBOAT_LOG_LEVEL || 'info'): Logger {
  const destination = pino.destination({ dest: 2, sync: true });
  // A worker outlives the disk of its log.
  destination.on('error', () => undefined);
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
