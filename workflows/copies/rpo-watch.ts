/**
 * Looks at the RPO clocks every five minutes: is what can be restored, here and in every location, as young as was
 * promised? People are told at 50 and 80 % of the objective, when it is missed, and when it is met again; each once.
 * What was told is kept in the repository, so `lifeboat doctor --watchdog` goes on where this ends.
 */
import type { RpoView } from '../../activities/copies.ts';
import { begin } from '../run/begin.ts';
import type { Given, RpoWatchInput } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { priority, upkeep } from '../proxies.ts';
import { RunDisplay } from '../run/display.ts';

export async function rpoWatch(...given: Given<RpoWatchInput>): Promise<RpoView> {
  const display = new RunDisplay();
  const { appliance } = await begin(display, given);
  display.state('looking');
  const view = await upkeep(appliance.host, {
    summary: 'how old is what can be restored?',
    priority: priority.backup,
  }).watchRpo();
  for (const [index, text] of view.news.entries()) {
    display.note(text);
    await notify(`news-${index}`, `${appliance.name}: ${text}`);
  }
  await upkeep(appliance.host, { summary: 'keep what was told' }).noteRpo({
    at: new Date().toISOString(),
    levels: view.levels,
  });
  display.state(view.breached > 0 ? 'breached' : view.most + view.half > 0 ? 'ageing' : 'met');
  return view;
}
