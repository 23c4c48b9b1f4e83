/** Which axes the growth benchmark measures. */
import type { AxisName } from './axes.ts';

export interface GrowthOptions {
  readonly axes: readonly AxisName[];
  readonly largest: boolean;
}
