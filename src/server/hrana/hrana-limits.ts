import type { hranaOptions, OptionValues } from '../../config/interface.ts';

/** Limits of what clients send and receive; each is an option of the server (docs/options.md). */
export type HranaLimits = OptionValues<typeof hranaOptions>;
