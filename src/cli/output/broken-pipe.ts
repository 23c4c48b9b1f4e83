/**
 * What cannot be said stops no command: `init` must not end between the key and the repository. A reader that has seen
 * enough (`| head`) is no failure. Where a stream fails otherwise (a full disk behind `>`), the command goes on to its end,
 * the other stream is told once, and the exit code is 1 instead of 0.
 */
export function outliveReaders(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): void {
  listen(stdout, 'standard output', stderr);
  listen(stderr, 'standard error', stdout);
}

function listen(stream: NodeJS.WriteStream, name: string, other: NodeJS.WriteStream): void {
  let isTold = false;
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' || isTold) return;
    isTold = true;
    process.on('exit', () => (process.exitCode ||= 1));
    other.write(`error: ${name} took no more: ${code ?? 'it failed'}; the command went on\n`);
  });
}
