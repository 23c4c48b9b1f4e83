/** One structured log. Lines go to stderr: stdout belongs to data. */
import { pino, type Logger } from 'pino';

export function createLogger(level = process.env.LIFEBOAT_LOG_LEVEL ?? 'info'): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
