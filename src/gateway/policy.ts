/** Who asks, and what they may do. There is no sign-in yet: everyone is anonymous and may do everything; both answers are given here only. */
import type { IncomingHttpHeaders } from 'node:http';

export interface Viewer {
  readonly kind: 'anonymous';
}

/** Asked once the owner of what is written is known. */
export interface OwnerAction {
  readonly kind: 'upload' | 'import' | 'update' | 'delete';
  readonly modelType: string;
  readonly modelId: string;
  readonly collectionName: string;
}

/** A template message. */
export interface SendAction {
  readonly kind: 'send';
  readonly template: string;
}

/** `mutate` is asked before a mutation's body is read, when nothing but the request's headers is known. */
export type Action = { readonly kind: 'mutate' } | OwnerAction | SendAction;

export interface Policy {
  /** @throws AppError UNAUTHENTICATED or FORBIDDEN when the viewer may not. */
  authorize(viewer: Viewer, action: Action): Promise<void>;
}

/** Who sends the request: until there is a sign-in, nobody that we know. */
export function viewerOf(_request: { readonly headers: IncomingHttpHeaders }): Viewer {
  return { kind: 'anonymous' };
}

export const allowEverything: Policy = { authorize: () => Promise.resolve() };
