import type { coordinatorOptions, OptionValues } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { channelSecurity } from '../tls/interface.ts';
import type { Coordinator } from './coordinator.ts';
import { etcdAddresses } from './etcd-address.ts';
import { EtcdCoordinator } from './etcd-coordinator.ts';
import { LocalCoordinator } from './local-coordinator.ts';

/** The options of a node that concern its coordinator. */
export interface CoordinatorSettings extends OptionValues<typeof coordinatorOptions> {
  /** Whether etcd may be asked in plain text beyond this machine. */
  readonly allowPlainText: boolean;
}

/**
 * Opens the coordinator that the options name; undefined for `none`. An etcd that does not answer now is no failure: its
 * calls say COORDINATOR_UNAVAILABLE.
 * @throws QuorateError INVALID_ARGUMENT, TLS_FAILED, IO_ERROR, COORDINATOR_UNAVAILABLE, FORMAT_VERSION
 */
export async function openCoordinator(
  settings: CoordinatorSettings,
  runtime: Runtime,
): Promise<Coordinator | undefined> {
  const { coordinatorTimeoutMs: timeoutMs } = settings;
  switch (settings.coordinator) {
    case 'none':
      return undefined;
    case 'local':
      return LocalCoordinator.open(
        { directory: required(settings.coordinatorDir, 'local', 'coordinator-dir'), timeoutMs },
        runtime,
      );
    case 'etcd':
      return openEtcd(settings, runtime);
  }
}

function openEtcd(settings: CoordinatorSettings, runtime: Runtime): EtcdCoordinator {
  const { coordinatorTimeoutMs: timeoutMs, etcdUsername: username, etcdPassword: password } = settings;
  const addresses = etcdAddresses(settings);
  for (const { host, security } of addresses) {
    // Files that are missing or wrong are told at once. Connections read them again.
    channelSecurity(host, security);
  }
  const prefix = required(settings.etcdPrefix, 'etcd', 'etcd-prefix');
  return new EtcdCoordinator({ addresses, timeoutMs, username, password, prefix }, runtime);
}

function required(value: string | undefined, coordinator: string, option: string): string {
  if (value === undefined || value === '') {
    throw new QuorateError('INVALID_ARGUMENT', `--coordinator ${coordinator} needs --${option}`);
  }
  return value;
}
