import type { CoordinatorSettings } from '../../src/cluster/interface.ts';
import { coordinatorOptions, parseOptions } from '../../src/config/interface.ts';
import { nodeFileSystem } from '../../src/runtime/interface.ts';

/** The default options of a coordinator with some of them given. */
export function coordinatorSettings(given: Partial<CoordinatorSettings>): CoordinatorSettings {
  const { values } = parseOptions(coordinatorOptions, { files: nodeFileSystem });
  return { ...values, allowPlainText: false, ...given };
}
