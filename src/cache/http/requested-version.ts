import { VersioningType, type VersioningOptions } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';

/** The version that a request asks for by other means than its URL, which is in every key anyway. */
export function requestedVersion(
  versioning: VersioningOptions | undefined,
  headers: IncomingHttpHeaders,
  request: unknown,
): string | null {
  switch (versioning?.type) {
    case VersioningType.HEADER:
      return String(headers[versioning.header.toLowerCase()] ?? '');
    case VersioningType.MEDIA_TYPE:
      return headers.accept?.includes(versioning.key) ? headers.accept : '';
    case VersioningType.CUSTOM:
      return JSON.stringify(versioning.extractor(request));
    default:
      return null;
  }
}
