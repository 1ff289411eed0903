import net from 'node:net';

/** How to connect to a server. It is plain data, so that it crosses to other threads. */
export type ConnectionSecurity =
  | {
      readonly kind: 'plain';
      /** Whether it may leave this machine like that. */
      readonly beyondLoopback: boolean;
    }
  | {
      readonly kind: 'tls';
      /** Absolute path of the trusted authorities; those of the system when absent. */
      readonly caPath?: string | undefined;
      /** Absolute paths of the certificate to show, if the server asks for one, and of its key. */
      readonly certPath?: string | undefined;
      readonly keyPath?: string | undefined;
    };

export const plainOnLoopback: ConnectionSecurity = { kind: 'plain', beyondLoopback: false };

const loopback = new net.BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether what is sent to this host stays on this machine. */
export function isLoopback(host: string): boolean {
  const family = net.isIP(host);
  return family === 0 ? host.toLowerCase() === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
