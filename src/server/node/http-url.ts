import type { NodeAddress } from './follow-settings.ts';

/** Where clients reach a node by HTTP. @param advertised address that stands for the one it listens on */
export function httpUrlOf({ host, port }: NodeAddress, advertised: string | undefined, isSecure: boolean): string {
  const name = advertised ?? host;
  return `${isSecure ? 'https' : 'http'}://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
