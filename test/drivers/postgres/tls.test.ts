import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { TlsConfig } from '../../../src/domain/appliance.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { labTest as test } from './lab.ts';

test('a server that takes TLS only is captured, restored and proven, and believed only by its certificate', async ({
  lab,
  folder,
}) => {
  const { cert, key } = await makeCertificate(folder, 'db.test');
  const settings = { ssl: 'on', ssl_cert_file: `'${cert}'`, ssl_key_file: `'${key}'` };
  const { config, driverWith, capture, step, sql, goLive } = await lab({ settings });
  await sql(`
    CREATE TABLE bulk AS SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 20000) g;
    CREATE ROLE backup SUPERUSER REPLICATION LOGIN PASSWORD 'pw'`);
  const hba = join(config.dataDirectory, 'pg_hba.conf');
  const refuseClear = 'hostnossl all backup all reject\nhostnossl replication backup all reject\n';
  await writeFile(hba, refuseClear + (await readFile(hba, 'utf8')));
  await sql('SELECT pg_reload_conf()');

  const none: TlsConfig = { ca: undefined, cert: undefined, key: undefined, serverName: undefined };
  const over = (tls: TlsConfig | undefined) =>
    driverWith({ user: 'backup', password: { from: 'literal', value: 'pw' }, tls });
  const problem = async (tls: TlsConfig | undefined) => capture(over(tls)).catch((error: unknown) => error);
  expect(await problem(undefined)).toMatchObject({ code: 'AuthFailed' });
  expect(await problem(none)).toMatchObject({ code: 'AuthFailed', hint: expect.stringContaining('tls.ca') as string });
  expect(await problem({ ...none, ca: cert })).toMatchObject({
    code: 'AuthFailed',
    hint: expect.stringContaining('tls.serverName') as string,
  });
  expect(await problem({ ...none, ca: join(folder, 'absent') })).toMatchObject({
    code: 'ConfigInvalid',
    message: expect.stringContaining(`\`tls.ca\` (${join(folder, 'absent')}): ENOENT`) as string,
  });

  const tls = { ...none, ca: cert, serverName: 'db.test' };
  const trusting = over(tls);
  const record = await capture(trusting);
  expect(record.bytes).toBeGreaterThan(20e6);
  await trusting.stage(step(record, 1));
  await trusting.validate(step(record, 2));
  await goLive(record);
  const probes = await trusting.probe(step(record, 4));
  expect(probes.filter(({ ok }) => !ok)).toEqual([]);
  expect(probes.map(({ name }) => name)).toContain('table public.bulk');
});
