/** What people are told. Pure. */

/** In ascending order. */
export const severities = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof severities)[number];

export interface Notification {
  /** The type of the run that tells it, or `doctor` and `watchdog`. */
  readonly kind: string;
  readonly severity: Severity;
  readonly appliance: string;
  /** One line. */
  readonly title: string;
  /** The whole message; it says all that the title says. */
  readonly text: string;
  /** Workflow id; empty where no run tells it, and where the text is the documents' own words, to which no channel adds. */
  readonly run: string;
  /** The same for every delivery of the same message. */
  readonly dedupKey: string;
}

/** A notification as the input of a run, where any field may be absent. */
export type NotificationTexts = { readonly [K in keyof Notification]?: string };

/** A message of a person has no severity: it counts as `info`. */
export function severityOf(text: string | undefined): Severity {
  return severities.find((each) => each === text) ?? 'info';
}

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(least);
}

const maxTitle = 120;

/** The first line, as far as a title may go. */
export function titleOf(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return line.length <= maxTitle ? line : `${line.slice(0, maxTitle - 1)}…`;
}

/** With what is usual for what a person left out. */
export function notificationOf(told: NotificationTexts, appliance: string): Notification {
  const { text = '' } = told;
  return {
    kind: told.kind ?? 'message',
    severity: severityOf(told.severity),
    appliance: told.appliance === undefined || told.appliance === '' ? appliance : told.appliance,
    title: told.title ?? titleOf(text),
    text,
    run: told.run ?? '',
    dedupKey: told.dedupKey ?? '',
  };
}
