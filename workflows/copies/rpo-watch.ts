/**
 * Looks at the RPO clocks every five minutes: is what can be restored, here and in every location, as young as was
 * promised? People are told at 50 and 80 % of the objective, when it is missed, and when it is met again; each once.
 * What was told is kept in the repository, so `lifeboat doctor --watchdog` goes on where this ends.
 */
import type { RpoView } from '../../activities/copies.ts';
import type { Given, RpoWatchInput } from '../messages.ts';
import { priority, upkeep } from '../proxies.ts';
import { runProcedure } from '../run/run.ts';

export async function rpoWatch(...given: Given<RpoWatchInput>): Promise<RpoView> {
  return runProcedure<RpoWatchInput, RpoView>(given, {
    body: async ({ appliance, display }) => {
      display.state({ status: 'looking' });
      const view = await upkeep(appliance.host, {
        id: 'measure:rpo',
        summary: 'how old is what can be restored?',
        priority: priority.backup,
      }).watchRpo();
      view.news.forEach((text) => display.note(text));
      display.state({ status: view.breached > 0 ? 'breached' : view.most + view.half > 0 ? 'ageing' : 'met' });
      return view;
    },
    tell: ({ appliance, result }) =>
      (result?.news ?? []).map((text, index) => ({
        topic: `news-${index}`,
        severity: result !== undefined && result.breached > 0 ? 'critical' : 'warning',
        text: `${appliance.name}: ${text}`,
      })),
    follow: async ({ appliance, result }) => {
      if (result !== undefined)
        await upkeep(appliance.host, { id: 'note:rpo', summary: 'keep what was told' }).noteRpo({
          at: new Date().toISOString(),
          levels: result.levels,
        });
      return result;
    },
  });
}
