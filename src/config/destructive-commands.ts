/** Commands of services that would delete the data which they are to leave alone (X9). */
import type { Configuration } from './schema/configuration.ts';
import type { CrossProblem } from './problem.ts';

/** Each a run of words, in this order, with anything between them. */
const destructive: readonly { readonly words: readonly RegExp[]; readonly does: string }[] = [
  {
    words: [/(^|\/)docker(-compose)?$/, /^down$/, /^(-[a-z]*v[a-z]*|--volumes(=true)?)$/],
    does: 'deletes every volume',
  },
  { words: [/(^|\/)docker-compose$|^compose$/, /^rm$/, /^-[a-z]*v[a-z]*$/], does: 'deletes volumes' },
  { words: [/(^|\/)docker$/, /^volume$/, /^(rm|remove|prune)$/], does: 'deletes volumes' },
  { words: [/(^|\/)docker$/, /^system$/, /^prune$/, /^--volumes(=true)?$/], does: 'deletes volumes' },
  { words: [/(^|\/)deploy\.py$/, /^rollback$/], does: 'runs `docker-compose down -v`, which deletes every volume' },
];

/** What stops or starts a service around a restore must never delete: undo would have nothing to give back. */
export function destructiveCommands({ services }: Configuration): CrossProblem[] {
  return Object.entries(services).flatMap(([name, service]) =>
    (['command', 'start', 'stop', 'isRunning'] as const).flatMap((key) => {
      // A shell's whole script is one argument.
      const words = service[key]?.flatMap((argument) => argument.split(/[\s;&|"'`()]+/)) ?? [];
      const found = destructive.find((pattern) => holdsInOrder(words, pattern.words));
      if (found === undefined) return [];
      const message = `${found.does}: no command of a service may delete data; stop it without, for example \`docker compose stop\``;
      return [{ path: ['services', name, key], message }];
    }),
  );
}

function holdsInOrder(words: readonly string[], patterns: readonly RegExp[]): boolean {
  let at = 0;
  for (const word of words) if (patterns[at]?.test(word) === true) at += 1;
  return at === patterns.length;
}
