/** The programs of the package `attr`: Node has no call for extended attributes. */
import { LifeboatError } from '../domain/errors.ts';
import { isMissing } from '../programs/missing.ts';

/** What to type where they are missing. */
export const attributeToolsHint = 'apt-get install attr';

/** Values of a thousand files, each as large as Linux takes it. */
const outputBytes = 512 * 1024 * 1024;

export interface ToolResult {
  readonly stdout: Uint8Array;
  /** Messages in English, one a line. */
  readonly errors: readonly string[];
}

/** The PATH with which all of them were found: a process that holds much memory takes long to start another one. */
let foundOn: string | undefined;

/** In words, what keeps this host from reading and writing attributes; undefined where nothing does. */
export async function missingAttributeTools(): Promise<string | undefined> {
  const path = process.env['PATH'];
  if (foundOn !== undefined && foundOn === path) return undefined;
  const missing = await findMissing();
  if (missing === undefined) foundOn = path;
  return missing;
}

async function findMissing(): Promise<string | undefined> {
  const { execa } = await loadExeca();
  const uses = await Promise.all(
    [
      { program: 'getfattr', option: '--absolute-names' },
      // BusyBox has a `setfattr` that takes one file at a time.
      { program: 'setfattr', option: '--restore' },
      { program: 'xargs', option: '' },
    ].map(async ({ program, option }) => {
      const { code, stdout, stderr } = await execa(program, ['--help'], { reject: false });
      if (await isMissing(program, code)) return `\`${program}\` is not installed`;
      return `${stdout}${stderr}`.includes(option) ? undefined : `\`${program}\` does not know ${option}`;
    }),
  );
  return uses.find((problem) => problem !== undefined);
}

/** `xargs -0` takes any number of paths, of any bytes, and gives them to as few processes as hold them. */
export async function runForPaths(args: readonly string[], paths: readonly Buffer[]): Promise<ToolResult> {
  const zero = Buffer.alloc(1);
  return runTool('xargs', ['-0', ...args], Buffer.concat(paths.flatMap((path) => [path, zero])));
}

/** EngineFailed where the program itself failed; what it could not do to single files stands in `errors`. */
export async function runTool(program: string, args: readonly string[], input: Uint8Array): Promise<ToolResult> {
  const { execa } = await loadExeca();
  const result = await execa(program, args, {
    input,
    encoding: 'buffer',
    env: { LC_ALL: 'C' },
    maxBuffer: outputBytes,
    stripFinalNewline: false,
    reject: false,
  });
  // 1 of the program and 123 of xargs: something with some of the files.
  if (![0, 1, 123].includes(result.exitCode ?? -1))
    throw new LifeboatError('EngineFailed', `\`${[program, ...args].join(' ')}\`: ${result.shortMessage ?? 'failed'}`, {
      hint: 'see the message; extended attributes need the package `attr`',
    });
  const errors = Buffer.from(result.stderr).toString('latin1').split('\n');
  return { stdout: result.stdout, errors: errors.filter((line) => line !== '') };
}

/** A large package: what lists or verifies recovery points must not wait for it. */
async function loadExeca() {
  return import('execa');
}
