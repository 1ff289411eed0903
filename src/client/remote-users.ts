import type { CallOptions, Metadata } from '@grpc/grpc-js';
import type {
  CreateTokenRequest,
  CreateTokenResponse,
  CreateUserRequest,
  GrantRequest,
  ListUsersResponse,
  RotateKeysResponse,
  SetPasswordRequest,
  User,
  UsersClient,
} from '../proto/interface.ts';
import { unary } from './call.ts';

/** The users of a node and their tokens. Every call throws `QuorateError`. */
export class RemoteUsers {
  readonly #client: UsersClient;
  readonly #metadata: Metadata;
  readonly #options: () => CallOptions;

  constructor(client: UsersClient, metadata: Metadata, options: () => CallOptions) {
    this.#client = client;
    this.#metadata = metadata;
    this.#options = options;
  }

  create(request: CreateUserRequest): Promise<User> {
    return unary((callback) => this.#client.createUser(request, this.#metadata, this.#options(), callback));
  }

  async list(): Promise<readonly User[]> {
    const { users } = await unary<ListUsersResponse>((callback) =>
      this.#client.listUsers({}, this.#metadata, this.#options(), callback),
    );
    return users;
  }

  async setPassword(request: SetPasswordRequest): Promise<void> {
    await unary((callback) => this.#client.setPassword(request, this.#metadata, this.#options(), callback));
  }

  setActive(user: string, active: boolean): Promise<User> {
    return unary((callback) => this.#client.setActive({ user, active }, this.#metadata, this.#options(), callback));
  }

  async delete(user: string): Promise<void> {
    await unary((callback) => this.#client.deleteUser({ user }, this.#metadata, this.#options(), callback));
  }

  grant(request: GrantRequest): Promise<User> {
    return unary((callback) => this.#client.grant(request, this.#metadata, this.#options(), callback));
  }

  revoke(request: GrantRequest): Promise<User> {
    return unary((callback) => this.#client.revoke(request, this.#metadata, this.#options(), callback));
  }

  createToken(request: CreateTokenRequest): Promise<CreateTokenResponse> {
    return unary((callback) => this.#client.createToken(request, this.#metadata, this.#options(), callback));
  }

  async revokeToken(id: string): Promise<void> {
    await unary((callback) => this.#client.revokeToken({ id }, this.#metadata, this.#options(), callback));
  }

  /** Ends all tokens of a user; of the caller when the name is empty. */
  async revokeTokens(user: string): Promise<void> {
    await unary((callback) => this.#client.revokeTokens({ user }, this.#metadata, this.#options(), callback));
  }

  /** Returns the id of the new key. */
  async rotateKeys(revokeOld: boolean): Promise<string> {
    const { keyId } = await unary<RotateKeysResponse>((callback) =>
      this.#client.rotateKeys({ revokeOld }, this.#metadata, this.#options(), callback),
    );
    return keyId;
  }

  close(): void {
    this.#client.close();
  }
}
