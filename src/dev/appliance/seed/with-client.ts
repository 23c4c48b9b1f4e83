import pg from 'pg';
import type { SampleAppliance } from '../description.ts';

/** A connected client of the superuser, ended when the work ends. */
export async function withClient<Result>(
  { ports, passwords }: Pick<SampleAppliance, 'ports' | 'passwords'>,
  database: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: ports.postgres,
    user: 'postgres',
    password: passwords.postgres,
    database,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
