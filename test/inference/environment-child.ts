/** Child process that answers with its own environment. */
import { serveRequests } from '../../src/inference/child-side.ts';

serveRequests(async () => ({ ...process.env }));
