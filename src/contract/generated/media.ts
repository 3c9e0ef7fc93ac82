import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { DeleteFileRequestInput as _media_v1_DeleteFileRequestInput, DeleteFileRequest as _media_v1_DeleteFileRequest } from './media/v1/DeleteFileRequest.js';
import type { DeleteFileResponseInput as _media_v1_DeleteFileResponseInput, DeleteFileResponse as _media_v1_DeleteFileResponse } from './media/v1/DeleteFileResponse.js';
import type { FileURLInput as _media_v1_FileURLInput, FileURL as _media_v1_FileURL } from './media/v1/FileURL.js';
import type { GetFileByIDRequestInput as _media_v1_GetFileByIDRequestInput, GetFileByIDRequest as _media_v1_GetFileByIDRequest } from './media/v1/GetFileByIDRequest.js';
import type { GetFileByUUIDRequestInput as _media_v1_GetFileByUUIDRequestInput, GetFileByUUIDRequest as _media_v1_GetFileByUUIDRequest } from './media/v1/GetFileByUUIDRequest.js';
import type { GetFileURLsRequestInput as _media_v1_GetFileURLsRequestInput, GetFileURLsRequest as _media_v1_GetFileURLsRequest } from './media/v1/GetFileURLsRequest.js';
import type { GetFileURLsResponseInput as _media_v1_GetFileURLsResponseInput, GetFileURLsResponse as _media_v1_GetFileURLsResponse } from './media/v1/GetFileURLsResponse.js';
import type { GetFilesByModelsRequestInput as _media_v1_GetFilesByModelsRequestInput, GetFilesByModelsRequest as _media_v1_GetFilesByModelsRequest } from './media/v1/GetFilesByModelsRequest.js';
import type { GetFilesByModelsResponseInput as _media_v1_GetFilesByModelsResponseInput, GetFilesByModelsResponse as _media_v1_GetFilesByModelsResponse } from './media/v1/GetFilesByModelsResponse.js';
import type { GetMessagesRequestInput as _media_v1_GetMessagesRequestInput, GetMessagesRequest as _media_v1_GetMessagesRequest } from './media/v1/GetMessagesRequest.js';
import type { GetMessagesResponseInput as _media_v1_GetMessagesResponseInput, GetMessagesResponse as _media_v1_GetMessagesResponse } from './media/v1/GetMessagesResponse.js';
import type { GetStatsRequestInput as _media_v1_GetStatsRequestInput, GetStatsRequest as _media_v1_GetStatsRequest } from './media/v1/GetStatsRequest.js';
import type { ImportFileRequestInput as _media_v1_ImportFileRequestInput, ImportFileRequest as _media_v1_ImportFileRequest } from './media/v1/ImportFileRequest.js';
import type { ListMessagesRequestInput as _media_v1_ListMessagesRequestInput, ListMessagesRequest as _media_v1_ListMessagesRequest } from './media/v1/ListMessagesRequest.js';
import type { ListMessagesResponseInput as _media_v1_ListMessagesResponseInput, ListMessagesResponse as _media_v1_ListMessagesResponse } from './media/v1/ListMessagesResponse.js';
import type { MediaInput as _media_v1_MediaInput, Media as _media_v1_Media } from './media/v1/Media.js';
import type { MediaServiceClient as _media_v1_MediaServiceClient, MediaServiceDefinition as _media_v1_MediaServiceDefinition } from './media/v1/MediaService.js';
import type { MessageInput as _media_v1_MessageInput, Message as _media_v1_Message } from './media/v1/Message.js';
import type { MessageResultInput as _media_v1_MessageResultInput, MessageResult as _media_v1_MessageResult } from './media/v1/MessageResult.js';
import type { ModelFilesInput as _media_v1_ModelFilesInput, ModelFiles as _media_v1_ModelFiles } from './media/v1/ModelFiles.js';
import type { ModelQueryInput as _media_v1_ModelQueryInput, ModelQuery as _media_v1_ModelQuery } from './media/v1/ModelQuery.js';
import type { ProviderMediaInput as _media_v1_ProviderMediaInput, ProviderMedia as _media_v1_ProviderMedia } from './media/v1/ProviderMedia.js';
import type { ReorderFilesRequestInput as _media_v1_ReorderFilesRequestInput, ReorderFilesRequest as _media_v1_ReorderFilesRequest } from './media/v1/ReorderFilesRequest.js';
import type { RetryMessageMediaRequestInput as _media_v1_RetryMessageMediaRequestInput, RetryMessageMediaRequest as _media_v1_RetryMessageMediaRequest } from './media/v1/RetryMessageMediaRequest.js';
import type { SendErrorInput as _media_v1_SendErrorInput, SendError as _media_v1_SendError } from './media/v1/SendError.js';
import type { SendTemplateRequestInput as _media_v1_SendTemplateRequestInput, SendTemplateRequest as _media_v1_SendTemplateRequest } from './media/v1/SendTemplateRequest.js';
import type { SendTemplateResponseInput as _media_v1_SendTemplateResponseInput, SendTemplateResponse as _media_v1_SendTemplateResponse } from './media/v1/SendTemplateResponse.js';
import type { StatsInput as _media_v1_StatsInput, Stats as _media_v1_Stats } from './media/v1/Stats.js';
import type { TypeStatsInput as _media_v1_TypeStatsInput, TypeStats as _media_v1_TypeStats } from './media/v1/TypeStats.js';
import type { UpdateFileRequestInput as _media_v1_UpdateFileRequestInput, UpdateFileRequest as _media_v1_UpdateFileRequest } from './media/v1/UpdateFileRequest.js';
import type { UploadFileRequestInput as _media_v1_UploadFileRequestInput, UploadFileRequest as _media_v1_UploadFileRequest } from './media/v1/UploadFileRequest.js';
import type { UploadFinishInput as _media_v1_UploadFinishInput, UploadFinish as _media_v1_UploadFinish } from './media/v1/UploadFinish.js';
import type { UploadMetaInput as _media_v1_UploadMetaInput, UploadMeta as _media_v1_UploadMeta } from './media/v1/UploadMeta.js';
import type { VerifyFileRequestInput as _media_v1_VerifyFileRequestInput, VerifyFileRequest as _media_v1_VerifyFileRequest } from './media/v1/VerifyFileRequest.js';
import type { VerifyFileResponseInput as _media_v1_VerifyFileResponseInput, VerifyFileResponse as _media_v1_VerifyFileResponse } from './media/v1/VerifyFileResponse.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  media: {
    v1: {
      DeleteFileRequest: MessageTypeDefinition<_media_v1_DeleteFileRequestInput, _media_v1_DeleteFileRequest>
      DeleteFileResponse: MessageTypeDefinition<_media_v1_DeleteFileResponseInput, _media_v1_DeleteFileResponse>
      FileState: EnumTypeDefinition
      FileURL: MessageTypeDefinition<_media_v1_FileURLInput, _media_v1_FileURL>
      GetFileByIDRequest: MessageTypeDefinition<_media_v1_GetFileByIDRequestInput, _media_v1_GetFileByIDRequest>
      GetFileByUUIDRequest: MessageTypeDefinition<_media_v1_GetFileByUUIDRequestInput, _media_v1_GetFileByUUIDRequest>
      GetFileURLsRequest: MessageTypeDefinition<_media_v1_GetFileURLsRequestInput, _media_v1_GetFileURLsRequest>
      GetFileURLsResponse: MessageTypeDefinition<_media_v1_GetFileURLsResponseInput, _media_v1_GetFileURLsResponse>
      GetFilesByModelsRequest: MessageTypeDefinition<_media_v1_GetFilesByModelsRequestInput, _media_v1_GetFilesByModelsRequest>
      GetFilesByModelsResponse: MessageTypeDefinition<_media_v1_GetFilesByModelsResponseInput, _media_v1_GetFilesByModelsResponse>
      GetMessagesRequest: MessageTypeDefinition<_media_v1_GetMessagesRequestInput, _media_v1_GetMessagesRequest>
      GetMessagesResponse: MessageTypeDefinition<_media_v1_GetMessagesResponseInput, _media_v1_GetMessagesResponse>
      GetStatsRequest: MessageTypeDefinition<_media_v1_GetStatsRequestInput, _media_v1_GetStatsRequest>
      ImportFileRequest: MessageTypeDefinition<_media_v1_ImportFileRequestInput, _media_v1_ImportFileRequest>
      ListMessagesRequest: MessageTypeDefinition<_media_v1_ListMessagesRequestInput, _media_v1_ListMessagesRequest>
      ListMessagesResponse: MessageTypeDefinition<_media_v1_ListMessagesResponseInput, _media_v1_ListMessagesResponse>
      Media: MessageTypeDefinition<_media_v1_MediaInput, _media_v1_Media>
      /**
       * Media of any owner: (model_type, model_id, collection_name) -> files.
       * Errors carry a gRPC status and, in the trailer `error-code`, one of the
       * codes of src/contract/errors.ts.
       */
      MediaService: SubtypeConstructor<typeof grpc.Client, _media_v1_MediaServiceClient> & { service: _media_v1_MediaServiceDefinition }
      MediaState: EnumTypeDefinition
      Message: MessageTypeDefinition<_media_v1_MessageInput, _media_v1_Message>
      MessageResult: MessageTypeDefinition<_media_v1_MessageResultInput, _media_v1_MessageResult>
      ModelFiles: MessageTypeDefinition<_media_v1_ModelFilesInput, _media_v1_ModelFiles>
      ModelQuery: MessageTypeDefinition<_media_v1_ModelQueryInput, _media_v1_ModelQuery>
      ProviderMedia: MessageTypeDefinition<_media_v1_ProviderMediaInput, _media_v1_ProviderMedia>
      ReorderFilesRequest: MessageTypeDefinition<_media_v1_ReorderFilesRequestInput, _media_v1_ReorderFilesRequest>
      RetryMessageMediaRequest: MessageTypeDefinition<_media_v1_RetryMessageMediaRequestInput, _media_v1_RetryMessageMediaRequest>
      SendError: MessageTypeDefinition<_media_v1_SendErrorInput, _media_v1_SendError>
      SendTemplateRequest: MessageTypeDefinition<_media_v1_SendTemplateRequestInput, _media_v1_SendTemplateRequest>
      SendTemplateResponse: MessageTypeDefinition<_media_v1_SendTemplateResponseInput, _media_v1_SendTemplateResponse>
      Stats: MessageTypeDefinition<_media_v1_StatsInput, _media_v1_Stats>
      TypeStats: MessageTypeDefinition<_media_v1_TypeStatsInput, _media_v1_TypeStats>
      UpdateFileRequest: MessageTypeDefinition<_media_v1_UpdateFileRequestInput, _media_v1_UpdateFileRequest>
      UploadFileRequest: MessageTypeDefinition<_media_v1_UploadFileRequestInput, _media_v1_UploadFileRequest>
      UploadFinish: MessageTypeDefinition<_media_v1_UploadFinishInput, _media_v1_UploadFinish>
      UploadMeta: MessageTypeDefinition<_media_v1_UploadMetaInput, _media_v1_UploadMeta>
      VerifyFileRequest: MessageTypeDefinition<_media_v1_VerifyFileRequestInput, _media_v1_VerifyFileRequest>
      VerifyFileResponse: MessageTypeDefinition<_media_v1_VerifyFileResponseInput, _media_v1_VerifyFileResponse>
    }
  }
}

