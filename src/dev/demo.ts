/** `npm run demo`: the main job on a real sample appliance. Exit 0 only if every probe holds. */
import { once } from 'node:events';
import { withClient } from '../client/temporal/connection.ts';
import { describeError, exit, exitCodeOf } from '../cli/exit.ts';
import { endOnUncaught } from '../cli/uncaught.ts';
import { appUrl } from './appliance/description.ts';
import { parseDemoOptions, usage, type DemoOptions } from './demo/options.ts';
import { mute, say, tell } from './demo/say.ts';
import { makeStage, openStage, type Stage } from './demo/stage.ts';
import { openResultFile, type ResultFile } from './result-file.ts';
import { tellStory } from './demo/story.ts';
import { measure, summaryText, type DemoResult } from './demo/summary.ts';

// Experimental Node features that we use on purpose are no news here.
process.removeAllListeners('warning');
const outcomeIsKnown = endOnUncaught();

try {
  const options = parseDemoOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(`${usage}\n`);
  else await (options.open === undefined ? play(options) : reopen(options.open));
} catch (error) {
  process.stderr.write(`\n${describeError(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
outcomeIsKnown();

async function play(options: DemoOptions): Promise<void> {
  const file = openResultFile(options, 'the demo');
  const stage = await makeStage(new Date());
  const stop = stopOnSignal(stage);
  try {
    const story = await withClient(stage.appliance, async (client) =>
      tellStory({ stage, client, size: options.size, sabotage: options.sabotage, from: options.from }),
    );
    if (stop.isAsked()) return;
    const result = measure(story, stage.appliance);
    if (story.failure !== undefined) {
      process.stderr.write(`\n${describeError(story.failure)}\n`);
      process.exitCode = exitCodeOf(story.failure);
    }
    process.stderr.write(`${summaryText(result, story, stage.appliance, stage.sample.stateFolder)}\n`);
    if (!result.ok) process.exitCode ||= exit.failed;
    leave(result, file);
    if (options.keep) {
      stop.forget();
      await linger(stage);
    }
  } finally {
    stop.forget();
    await stage.stop();
  }
}

/** The summary was printed before: a full disk ends neither the story nor `--keep`. */
function leave(result: DemoResult, file: ResultFile | undefined): void {
  try {
    file?.write(result);
  } catch (error) {
    process.stderr.write(`\n${describeError(error)}\n`);
    process.exitCode ||= exit.failed;
  }
}

async function reopen(folder: string): Promise<void> {
  const stage = await openStage(folder);
  const stop = stopOnSignal(stage);
  try {
    for (const service of ['postgres', 'redis', 'app']) {
      // The demo may have ended with a destroyed appliance: its runs and its repository are worth a look all the same.
      await stage.platform.start(service, AbortSignal.timeout(300_000)).catch((error: Error) => say(error.message));
    }
    await stage.startWorker();
    stop.forget();
    await linger(stage);
  } finally {
    stop.forget();
    await stage.stop();
  }
}

async function linger(stage: Stage): Promise<void> {
  tell('OPEN', 'what runs stays up until Ctrl-C');
  say(`Temporal UI   ${stage.temporal.uiUrl}`);
  say(`app           ${appUrl(stage.sample)}/health/detailed`);
  say(`command line  npm run -s lifeboat -- -c ${stage.configFile}`);
  // A pending timer keeps the process alive: waiting for a signal alone does not.
  const alive = setInterval(() => undefined, 60_000);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  clearInterval(alive);
}

/** A story that is interrupted still stops what it started, and is not told to its end. */
function stopOnSignal(stage: Stage): { readonly isAsked: () => boolean; readonly forget: () => void } {
  let asked = false;
  const handler = (): void => {
    if (asked) process.exit(130);
    asked = true;
    process.exitCode = 130;
    process.stderr.write(
      `\nstops everything …; what lies in ${stage.sample.stateFolder} is removed by the next demo\n`,
    );
    mute();
    void stage.stop().then(() => process.exit(130));
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return {
    isAsked: () => asked,
    forget: () => {
      process.off('SIGINT', handler);
      process.off('SIGTERM', handler);
    },
  };
}
