/** The ways to people, as lifeboat.yaml names them. */
import type { SecretRef } from './secret-ref.ts';
import type { Severity } from './notification.ts';

interface ChannelBase {
  readonly name: string;
  /** What is less severe is not told here. */
  readonly from: Severity;
}

/** An incoming webhook of Slack, or of what takes the same shape. */
export interface SlackConfig extends ChannelBase {
  readonly kind: 'slack';
  readonly url: SecretRef;
}

export interface EmailConfig extends ChannelBase {
  readonly kind: 'email';
  readonly host: string;
  readonly port: number;
  /** `implicit` speaks TLS from the first byte, `starttls` after a greeting, `none` never. */
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly user: string | undefined;
  readonly password: SecretRef | undefined;
  readonly sender: string;
  readonly to: readonly string[];
}

/** Another program's HTTP address: it gets the whole notification as JSON, signed. */
export interface WebhookConfig extends ChannelBase {
  readonly kind: 'webhook';
  readonly url: SecretRef;
  readonly key: SecretRef;
}

export interface NtfyConfig extends ChannelBase {
  readonly kind: 'ntfy';
  readonly url: string;
  /** Who knows it may read along, so it is a secret. */
  readonly topic: SecretRef;
  readonly token: SecretRef | undefined;
}

export type ChannelConfig = SlackConfig | EmailConfig | WebhookConfig | NtfyConfig;
