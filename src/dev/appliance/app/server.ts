/** The companion's HTTP face. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { parseJson } from '../../../json/parse-json.ts';
import type { Companion } from './companion.ts';

const chatRequest = z.strictObject({ session: z.uuid(), text: z.string().min(1).max(4000) });
const recordRequest = z.strictObject({ number: z.number().int().min(0) });
const vectorsRequest = z.strictObject({ lines: z.array(z.string().min(1).max(2000)).min(1).max(1000) });
/** The appliance's own answers at once and gives `days` in its address; a script waits for it then. */
const rebuildRequest = z.strictObject({ days: z.number().int().min(1).max(365) });
/** A thousand lines of 2,000 characters. */
const largestBodyBytes = 4 * 1024 * 1024;

export function createCompanionServer(companion: Companion): Server {
  return createServer((request, response) => {
    answer(companion, request).then(
      (body) => send(response, body === undefined ? 404 : 200, body ?? { detail: 'Not Found' }),
      (error: unknown) =>
        send(response, error instanceof z.ZodError || error instanceof SyntaxError ? 422 : 503, {
          detail: error instanceof Error ? error.message : String(error),
        }),
    );
  });
}

async function answer(companion: Companion, request: IncomingMessage): Promise<unknown> {
  switch (`${request.method} ${request.url}`) {
    case 'GET /health':
      // A constant, whatever the state: the appliance answers so, and probes must not be content with it.
      return { status: 'healthy' };
    case 'GET /health/detailed':
      return companion.health();
    case 'POST /chat': {
      const { session, text } = chatRequest.parse(await readBody(request));
      return companion.chat(session, text);
    }
    case 'POST /record': {
      const { number } = recordRequest.parse(await readBody(request));
      await companion.record(number);
      return { recorded: number };
    }
    case 'POST /vectors': {
      const { lines } = vectorsRequest.parse(await readBody(request));
      return { total: await companion.addLines(lines) };
    }
    case 'POST /api/v1/ai/vectorstore/rebuild': {
      const { days } = rebuildRequest.parse(await readBody(request));
      return { total: await companion.rebuild(days) };
    }
    default:
      return undefined;
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largestBodyBytes) throw new SyntaxError('the body is too large');
    chunks.push(chunk);
  }
  return parseJson(Buffer.concat(chunks).toString('utf8'));
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
