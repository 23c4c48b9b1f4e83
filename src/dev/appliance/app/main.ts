/** Runs the companion in the foreground. `COMPANION_ENV_FILE` names its settings. SIGTERM ends it cleanly. */
import { Companion } from './companion.ts';
import { createCompanionServer } from './server.ts';
import { readSettings } from './settings.ts';

const settings = readSettings(process.env.COMPANION_ENV_FILE);
const companion = await Companion.open(settings);
const server = createCompanionServer(companion);
server.listen(settings.port, '127.0.0.1', () => console.log(`companion listens on 127.0.0.1:${settings.port}`));

function end(): void {
  server.close(() => {
    companion.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  server.closeIdleConnections();
}

process.once('SIGTERM', end);
process.once('SIGINT', end);
