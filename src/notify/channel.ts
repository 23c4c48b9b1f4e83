import type { Notification } from '../domain/notification.ts';

/** One way to people. */
export interface Channel {
  /** Resolves when the receiver took it; NotifyFailed otherwise. May be called twice for one message. */
  readonly deliver: (notification: Notification, signal: AbortSignal) => Promise<void>;
}
