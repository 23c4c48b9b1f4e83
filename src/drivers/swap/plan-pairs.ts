/** Turns the pairs of a new swap into journal entries, refusing whatever could not be finished. Changes nothing. */
import { constants } from 'node:fs';
import { access, lstat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { deviceOf } from './disk.ts';
import type { JournalPair } from './journal.ts';
import { present } from './moves.ts';
import { asideName, generationName, insideAsideName, isStagingName } from './names.ts';
import { placeOf } from './place.ts';
import { stagingPath } from './staging.ts';
import type { SwapOptions, SwapPair } from './target-types.ts';

export async function planPairs(options: SwapOptions): Promise<JournalPair[]> {
  const planned: JournalPair[] = [];
  for (const pair of options.pairs) planned.push(await planPair(pair, options));
  return planned;
}

async function planPair(pair: SwapPair, { component, token }: SwapOptions): Promise<JournalPair> {
  const place = await placeOf(pair.live);
  const remove = pair.remove === true;
  const staged = remove ? await stagingPath(pair.live, component, token) : pair.staged;
  if (!remove) await checkStaged(pair, place.mode === 'exchange' ? place.live : place.folder, component);
  const common = { live: place.live, staged, remove, liveExisted: place.exists, phase: 'before' } as const;
  if (place.mode === 'exchange') {
    const { mode, uid, gid } = await lstat(place.live);
    return {
      ...common,
      mode: 'exchange',
      aside: join(place.live, insideAsideName(component, token)),
      root: { mode, uid, gid },
    };
  }
  await checkWritable(dirname(place.live), component);
  if (place.mode === 'pointer' && !remove) {
    await checkWritable(place.folder, component);
    const generation = join(place.folder, generationName(place.target, token));
    const oldText = place.linkText ?? '';
    const newText = isAbsolute(oldText) ? generation : relative(place.anchor, generation);
    return {
      ...common,
      mode: 'pointer',
      aside: place.exists ? place.target : '',
      pointer: { oldText, newText, generation },
    };
  }
  const aside = join(dirname(place.live), asideName(component, token, place.live));
  if (present(aside))
    throw new LifeboatError('Precondition', `\`${aside}\` exists already`, {
      component,
      hint: 'a safety copy without its journal: move it away by hand',
    });
  return { ...common, mode: 'rename', liveExisted: place.exists || place.mode === 'pointer', aside };
}

async function checkStaged(pair: SwapPair, folder: string, component: string): Promise<void> {
  // Anything else might be live data itself, which would then end in the staging that is removed.
  if (!pair.staged.split('/').some((name) => isStagingName(name, component))) {
    throw new LifeboatError('Precondition', `\`${pair.staged}\` is not in a staging of \`${component}\``, {
      component,
      hint: 'stage the component again; nothing was switched',
    });
  }
  if (!present(pair.staged)) {
    throw new LifeboatError('Precondition', `nothing is staged at \`${pair.staged}\` for \`${pair.live}\``, {
      component,
      hint: 'stage the component again; nothing was switched',
    });
  }
  const staged = (await lstat(pair.staged, { bigint: true })).dev.toString();
  if (staged !== (await deviceOf(folder))) {
    throw new LifeboatError(
      'Precondition',
      `\`${pair.staged}\` lies on another filesystem than \`${pair.live}\`: it cannot be renamed`,
      { component },
    );
  }
}

async function checkWritable(folder: string, component: string): Promise<void> {
  await access(folder, constants.W_OK | constants.X_OK).catch((error: NodeJS.ErrnoException) => {
    throw new LifeboatError('PermissionDenied', `may not rename anything in \`${folder}\``, {
      component,
      hint: refusedHint(error.code, process.getuid?.()),
      cause: error,
    });
  });
}
