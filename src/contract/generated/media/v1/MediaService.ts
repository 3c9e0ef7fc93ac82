// Original file: proto/media.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DeleteFileRequestInput as _media_v1_DeleteFileRequestInput, DeleteFileRequest as _media_v1_DeleteFileRequest } from '../../media/v1/DeleteFileRequest.js';
import type { DeleteFileResponseInput as _media_v1_DeleteFileResponseInput, DeleteFileResponse as _media_v1_DeleteFileResponse } from '../../media/v1/DeleteFileResponse.js';
import type { GetFileByIDRequestInput as _media_v1_GetFileByIDRequestInput, GetFileByIDRequest as _media_v1_GetFileByIDRequest } from '../../media/v1/GetFileByIDRequest.js';
import type { GetFileByUUIDRequestInput as _media_v1_GetFileByUUIDRequestInput, GetFileByUUIDRequest as _media_v1_GetFileByUUIDRequest } from '../../media/v1/GetFileByUUIDRequest.js';
import type { GetFileURLsRequestInput as _media_v1_GetFileURLsRequestInput, GetFileURLsRequest as _media_v1_GetFileURLsRequest } from '../../media/v1/GetFileURLsRequest.js';
import type { GetFileURLsResponseInput as _media_v1_GetFileURLsResponseInput, GetFileURLsResponse as _media_v1_GetFileURLsResponse } from '../../media/v1/GetFileURLsResponse.js';
import type { GetFilesByModelsRequestInput as _media_v1_GetFilesByModelsRequestInput, GetFilesByModelsRequest as _media_v1_GetFilesByModelsRequest } from '../../media/v1/GetFilesByModelsRequest.js';
import type { GetFilesByModelsResponseInput as _media_v1_GetFilesByModelsResponseInput, GetFilesByModelsResponse as _media_v1_GetFilesByModelsResponse } from '../../media/v1/GetFilesByModelsResponse.js';
import type { GetMessagesRequestInput as _media_v1_GetMessagesRequestInput, GetMessagesRequest as _media_v1_GetMessagesRequest } from '../../media/v1/GetMessagesRequest.js';
import type { GetMessagesResponseInput as _media_v1_GetMessagesResponseInput, GetMessagesResponse as _media_v1_GetMessagesResponse } from '../../media/v1/GetMessagesResponse.js';
import type { GetStatsRequestInput as _media_v1_GetStatsRequestInput, GetStatsRequest as _media_v1_GetStatsRequest } from '../../media/v1/GetStatsRequest.js';
import type { ImportFileRequestInput as _media_v1_ImportFileRequestInput, ImportFileRequest as _media_v1_ImportFileRequest } from '../../media/v1/ImportFileRequest.js';
import type { ListMessagesRequestInput as _media_v1_ListMessagesRequestInput, ListMessagesRequest as _media_v1_ListMessagesRequest } from '../../media/v1/ListMessagesRequest.js';
import type { ListMessagesResponseInput as _media_v1_ListMessagesResponseInput, ListMessagesResponse as _media_v1_ListMessagesResponse } from '../../media/v1/ListMessagesResponse.js';
import type { MediaInput as _media_v1_MediaInput, Media as _media_v1_Media } from '../../media/v1/Media.js';
import type { MessageInput as _media_v1_MessageInput, Message as _media_v1_Message } from '../../media/v1/Message.js';
import type { ModelFilesInput as _media_v1_ModelFilesInput, ModelFiles as _media_v1_ModelFiles } from '../../media/v1/ModelFiles.js';
import type { ModelQueryInput as _media_v1_ModelQueryInput, ModelQuery as _media_v1_ModelQuery } from '../../media/v1/ModelQuery.js';
import type { ReorderFilesRequestInput as _media_v1_ReorderFilesRequestInput, ReorderFilesRequest as _media_v1_ReorderFilesRequest } from '../../media/v1/ReorderFilesRequest.js';
import type { RetryMessageMediaRequestInput as _media_v1_RetryMessageMediaRequestInput, RetryMessageMediaRequest as _media_v1_RetryMessageMediaRequest } from '../../media/v1/RetryMessageMediaRequest.js';
import type { SendTemplateRequestInput as _media_v1_SendTemplateRequestInput, SendTemplateRequest as _media_v1_SendTemplateRequest } from '../../media/v1/SendTemplateRequest.js';
import type { SendTemplateResponseInput as _media_v1_SendTemplateResponseInput, SendTemplateResponse as _media_v1_SendTemplateResponse } from '../../media/v1/SendTemplateResponse.js';
import type { StatsInput as _media_v1_StatsInput, Stats as _media_v1_Stats } from '../../media/v1/Stats.js';
import type { UpdateFileRequestInput as _media_v1_UpdateFileRequestInput, UpdateFileRequest as _media_v1_UpdateFileRequest } from '../../media/v1/UpdateFileRequest.js';
import type { UploadFileRequestInput as _media_v1_UploadFileRequestInput, UploadFileRequest as _media_v1_UploadFileRequest } from '../../media/v1/UploadFileRequest.js';
import type { VerifyFileRequestInput as _media_v1_VerifyFileRequestInput, VerifyFileRequest as _media_v1_VerifyFileRequest } from '../../media/v1/VerifyFileRequest.js';
import type { VerifyFileResponseInput as _media_v1_VerifyFileResponseInput, VerifyFileResponse as _media_v1_VerifyFileResponse } from '../../media/v1/VerifyFileResponse.js';

/**
 * Media of any owner: (model_type, model_id, collection_name) -> files.
 * Errors carry a gRPC status and, in the trailer `error-code`, one of the
 * codes of src/contract/errors.ts.
 */
export interface MediaServiceClient extends grpc.Client {
  /**
   * Idempotent: an unknown id answers deleted = false.
   */
  DeleteFile(argument: _media_v1_DeleteFileRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_DeleteFileResponse>): grpc.ClientUnaryCall;
  DeleteFile(argument: _media_v1_DeleteFileRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_DeleteFileResponse>): grpc.ClientUnaryCall;
  DeleteFile(argument: _media_v1_DeleteFileRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_DeleteFileResponse>): grpc.ClientUnaryCall;
  DeleteFile(argument: _media_v1_DeleteFileRequestInput, callback: grpc.requestCallback<_media_v1_DeleteFileResponse>): grpc.ClientUnaryCall;
  /**
   * Idempotent: an unknown id answers deleted = false.
   */
  deleteFile(argument: _media_v1_DeleteFileRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_DeleteFileResponse>): grpc.ClientUnaryCall;
  deleteFile(argument: _media_v1_DeleteFileRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_DeleteFileResponse>): grpc.ClientUnaryCall;
  deleteFile(argument: _media_v1_DeleteFileRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_DeleteFileResponse>): grpc.ClientUnaryCall;
  deleteFile(argument: _media_v1_DeleteFileRequestInput, callback: grpc.requestCallback<_media_v1_DeleteFileResponse>): grpc.ClientUnaryCall;
  
  /**
   * NOT_FOUND when there is no such row.
   */
  GetFileByID(argument: _media_v1_GetFileByIDRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  GetFileByID(argument: _media_v1_GetFileByIDRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  GetFileByID(argument: _media_v1_GetFileByIDRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  GetFileByID(argument: _media_v1_GetFileByIDRequestInput, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  /**
   * NOT_FOUND when there is no such row.
   */
  getFileById(argument: _media_v1_GetFileByIDRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  getFileById(argument: _media_v1_GetFileByIDRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  getFileById(argument: _media_v1_GetFileByIDRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  getFileById(argument: _media_v1_GetFileByIDRequestInput, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  
  GetFileByUUID(argument: _media_v1_GetFileByUUIDRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  GetFileByUUID(argument: _media_v1_GetFileByUUIDRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  GetFileByUUID(argument: _media_v1_GetFileByUUIDRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  GetFileByUUID(argument: _media_v1_GetFileByUUIDRequestInput, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  getFileByUuid(argument: _media_v1_GetFileByUUIDRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  getFileByUuid(argument: _media_v1_GetFileByUUIDRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  getFileByUuid(argument: _media_v1_GetFileByUUIDRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  getFileByUuid(argument: _media_v1_GetFileByUUIDRequestInput, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  
  /**
   * Results in request order; an unknown id has no url.
   */
  GetFileURLs(argument: _media_v1_GetFileURLsRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetFileURLsResponse>): grpc.ClientUnaryCall;
  GetFileURLs(argument: _media_v1_GetFileURLsRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_GetFileURLsResponse>): grpc.ClientUnaryCall;
  GetFileURLs(argument: _media_v1_GetFileURLsRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetFileURLsResponse>): grpc.ClientUnaryCall;
  GetFileURLs(argument: _media_v1_GetFileURLsRequestInput, callback: grpc.requestCallback<_media_v1_GetFileURLsResponse>): grpc.ClientUnaryCall;
  /**
   * Results in request order; an unknown id has no url.
   */
  getFileUrLs(argument: _media_v1_GetFileURLsRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetFileURLsResponse>): grpc.ClientUnaryCall;
  getFileUrLs(argument: _media_v1_GetFileURLsRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_GetFileURLsResponse>): grpc.ClientUnaryCall;
  getFileUrLs(argument: _media_v1_GetFileURLsRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetFileURLsResponse>): grpc.ClientUnaryCall;
  getFileUrLs(argument: _media_v1_GetFileURLsRequestInput, callback: grpc.requestCallback<_media_v1_GetFileURLsResponse>): grpc.ClientUnaryCall;
  
  GetFilesByModel(argument: _media_v1_ModelQueryInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  GetFilesByModel(argument: _media_v1_ModelQueryInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  GetFilesByModel(argument: _media_v1_ModelQueryInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  GetFilesByModel(argument: _media_v1_ModelQueryInput, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  getFilesByModel(argument: _media_v1_ModelQueryInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  getFilesByModel(argument: _media_v1_ModelQueryInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  getFilesByModel(argument: _media_v1_ModelQueryInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  getFilesByModel(argument: _media_v1_ModelQueryInput, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  
  /**
   * Results in request order; an owner without media has an empty result.
   */
  GetFilesByModels(argument: _media_v1_GetFilesByModelsRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetFilesByModelsResponse>): grpc.ClientUnaryCall;
  GetFilesByModels(argument: _media_v1_GetFilesByModelsRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_GetFilesByModelsResponse>): grpc.ClientUnaryCall;
  GetFilesByModels(argument: _media_v1_GetFilesByModelsRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetFilesByModelsResponse>): grpc.ClientUnaryCall;
  GetFilesByModels(argument: _media_v1_GetFilesByModelsRequestInput, callback: grpc.requestCallback<_media_v1_GetFilesByModelsResponse>): grpc.ClientUnaryCall;
  /**
   * Results in request order; an owner without media has an empty result.
   */
  getFilesByModels(argument: _media_v1_GetFilesByModelsRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetFilesByModelsResponse>): grpc.ClientUnaryCall;
  getFilesByModels(argument: _media_v1_GetFilesByModelsRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_GetFilesByModelsResponse>): grpc.ClientUnaryCall;
  getFilesByModels(argument: _media_v1_GetFilesByModelsRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetFilesByModelsResponse>): grpc.ClientUnaryCall;
  getFilesByModels(argument: _media_v1_GetFilesByModelsRequestInput, callback: grpc.requestCallback<_media_v1_GetFilesByModelsResponse>): grpc.ClientUnaryCall;
  
  /**
   * Messages that providers have told of. Results in request order; an unknown id has no message.
   */
  GetMessages(argument: _media_v1_GetMessagesRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetMessagesResponse>): grpc.ClientUnaryCall;
  GetMessages(argument: _media_v1_GetMessagesRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_GetMessagesResponse>): grpc.ClientUnaryCall;
  GetMessages(argument: _media_v1_GetMessagesRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetMessagesResponse>): grpc.ClientUnaryCall;
  GetMessages(argument: _media_v1_GetMessagesRequestInput, callback: grpc.requestCallback<_media_v1_GetMessagesResponse>): grpc.ClientUnaryCall;
  /**
   * Messages that providers have told of. Results in request order; an unknown id has no message.
   */
  getMessages(argument: _media_v1_GetMessagesRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetMessagesResponse>): grpc.ClientUnaryCall;
  getMessages(argument: _media_v1_GetMessagesRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_GetMessagesResponse>): grpc.ClientUnaryCall;
  getMessages(argument: _media_v1_GetMessagesRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_GetMessagesResponse>): grpc.ClientUnaryCall;
  getMessages(argument: _media_v1_GetMessagesRequestInput, callback: grpc.requestCallback<_media_v1_GetMessagesResponse>): grpc.ClientUnaryCall;
  
  GetStats(argument: _media_v1_GetStatsRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Stats>): grpc.ClientUnaryCall;
  GetStats(argument: _media_v1_GetStatsRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Stats>): grpc.ClientUnaryCall;
  GetStats(argument: _media_v1_GetStatsRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Stats>): grpc.ClientUnaryCall;
  GetStats(argument: _media_v1_GetStatsRequestInput, callback: grpc.requestCallback<_media_v1_Stats>): grpc.ClientUnaryCall;
  getStats(argument: _media_v1_GetStatsRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Stats>): grpc.ClientUnaryCall;
  getStats(argument: _media_v1_GetStatsRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Stats>): grpc.ClientUnaryCall;
  getStats(argument: _media_v1_GetStatsRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Stats>): grpc.ClientUnaryCall;
  getStats(argument: _media_v1_GetStatsRequestInput, callback: grpc.requestCallback<_media_v1_Stats>): grpc.ClientUnaryCall;
  
  /**
   * Fetches a file from elsewhere, or takes the copy that is kept of it, and adds it to a collection.
   */
  ImportFile(argument: _media_v1_ImportFileRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  ImportFile(argument: _media_v1_ImportFileRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  ImportFile(argument: _media_v1_ImportFileRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  ImportFile(argument: _media_v1_ImportFileRequestInput, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  /**
   * Fetches a file from elsewhere, or takes the copy that is kept of it, and adds it to a collection.
   */
  importFile(argument: _media_v1_ImportFileRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  importFile(argument: _media_v1_ImportFileRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  importFile(argument: _media_v1_ImportFileRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  importFile(argument: _media_v1_ImportFileRequestInput, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  
  /**
   * The latest first.
   */
  ListMessages(argument: _media_v1_ListMessagesRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ListMessagesResponse>): grpc.ClientUnaryCall;
  ListMessages(argument: _media_v1_ListMessagesRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_ListMessagesResponse>): grpc.ClientUnaryCall;
  ListMessages(argument: _media_v1_ListMessagesRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ListMessagesResponse>): grpc.ClientUnaryCall;
  ListMessages(argument: _media_v1_ListMessagesRequestInput, callback: grpc.requestCallback<_media_v1_ListMessagesResponse>): grpc.ClientUnaryCall;
  /**
   * The latest first.
   */
  listMessages(argument: _media_v1_ListMessagesRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ListMessagesResponse>): grpc.ClientUnaryCall;
  listMessages(argument: _media_v1_ListMessagesRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_ListMessagesResponse>): grpc.ClientUnaryCall;
  listMessages(argument: _media_v1_ListMessagesRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ListMessagesResponse>): grpc.ClientUnaryCall;
  listMessages(argument: _media_v1_ListMessagesRequestInput, callback: grpc.requestCallback<_media_v1_ListMessagesResponse>): grpc.ClientUnaryCall;
  
  /**
   * Idempotent. Answers the whole collection in its new order; each file that moved is announced.
   */
  ReorderFiles(argument: _media_v1_ReorderFilesRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  ReorderFiles(argument: _media_v1_ReorderFilesRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  ReorderFiles(argument: _media_v1_ReorderFilesRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  ReorderFiles(argument: _media_v1_ReorderFilesRequestInput, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  /**
   * Idempotent. Answers the whole collection in its new order; each file that moved is announced.
   */
  reorderFiles(argument: _media_v1_ReorderFilesRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  reorderFiles(argument: _media_v1_ReorderFilesRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  reorderFiles(argument: _media_v1_ReorderFilesRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  reorderFiles(argument: _media_v1_ReorderFilesRequestInput, callback: grpc.requestCallback<_media_v1_ModelFiles>): grpc.ClientUnaryCall;
  
  /**
   * Has the media imported again, where that was given up. Idempotent; NOT_FOUND when there is no such message.
   */
  RetryMessageMedia(argument: _media_v1_RetryMessageMediaRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Message>): grpc.ClientUnaryCall;
  RetryMessageMedia(argument: _media_v1_RetryMessageMediaRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Message>): grpc.ClientUnaryCall;
  RetryMessageMedia(argument: _media_v1_RetryMessageMediaRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Message>): grpc.ClientUnaryCall;
  RetryMessageMedia(argument: _media_v1_RetryMessageMediaRequestInput, callback: grpc.requestCallback<_media_v1_Message>): grpc.ClientUnaryCall;
  /**
   * Has the media imported again, where that was given up. Idempotent; NOT_FOUND when there is no such message.
   */
  retryMessageMedia(argument: _media_v1_RetryMessageMediaRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Message>): grpc.ClientUnaryCall;
  retryMessageMedia(argument: _media_v1_RetryMessageMediaRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Message>): grpc.ClientUnaryCall;
  retryMessageMedia(argument: _media_v1_RetryMessageMediaRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Message>): grpc.ClientUnaryCall;
  retryMessageMedia(argument: _media_v1_RetryMessageMediaRequestInput, callback: grpc.requestCallback<_media_v1_Message>): grpc.ClientUnaryCall;
  
  /**
   * Sends a template message. Not idempotent. What the provider refuses is an answer, not an error of the call.
   */
  SendTemplate(argument: _media_v1_SendTemplateRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_SendTemplateResponse>): grpc.ClientUnaryCall;
  SendTemplate(argument: _media_v1_SendTemplateRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_SendTemplateResponse>): grpc.ClientUnaryCall;
  SendTemplate(argument: _media_v1_SendTemplateRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_SendTemplateResponse>): grpc.ClientUnaryCall;
  SendTemplate(argument: _media_v1_SendTemplateRequestInput, callback: grpc.requestCallback<_media_v1_SendTemplateResponse>): grpc.ClientUnaryCall;
  /**
   * Sends a template message. Not idempotent. What the provider refuses is an answer, not an error of the call.
   */
  sendTemplate(argument: _media_v1_SendTemplateRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_SendTemplateResponse>): grpc.ClientUnaryCall;
  sendTemplate(argument: _media_v1_SendTemplateRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_SendTemplateResponse>): grpc.ClientUnaryCall;
  sendTemplate(argument: _media_v1_SendTemplateRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_SendTemplateResponse>): grpc.ClientUnaryCall;
  sendTemplate(argument: _media_v1_SendTemplateRequestInput, callback: grpc.requestCallback<_media_v1_SendTemplateResponse>): grpc.ClientUnaryCall;
  
  /**
   * Idempotent; NOT_FOUND when there is no such row. Announced when it changed something.
   */
  UpdateFile(argument: _media_v1_UpdateFileRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  UpdateFile(argument: _media_v1_UpdateFileRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  UpdateFile(argument: _media_v1_UpdateFileRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  UpdateFile(argument: _media_v1_UpdateFileRequestInput, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  /**
   * Idempotent; NOT_FOUND when there is no such row. Announced when it changed something.
   */
  updateFile(argument: _media_v1_UpdateFileRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  updateFile(argument: _media_v1_UpdateFileRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  updateFile(argument: _media_v1_UpdateFileRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  updateFile(argument: _media_v1_UpdateFileRequestInput, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientUnaryCall;
  
  /**
   * Meta once, then bytes, last Finish. Without Finish, or when size or hash
   * do not match, nothing is kept (ABORTED).
   */
  UploadFile(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientWritableStream<_media_v1_UploadFileRequestInput>;
  UploadFile(metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientWritableStream<_media_v1_UploadFileRequestInput>;
  UploadFile(options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientWritableStream<_media_v1_UploadFileRequestInput>;
  UploadFile(callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientWritableStream<_media_v1_UploadFileRequestInput>;
  /**
   * Meta once, then bytes, last Finish. Without Finish, or when size or hash
   * do not match, nothing is kept (ABORTED).
   */
  uploadFile(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientWritableStream<_media_v1_UploadFileRequestInput>;
  uploadFile(metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientWritableStream<_media_v1_UploadFileRequestInput>;
  uploadFile(options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientWritableStream<_media_v1_UploadFileRequestInput>;
  uploadFile(callback: grpc.requestCallback<_media_v1_Media>): grpc.ClientWritableStream<_media_v1_UploadFileRequestInput>;
  
  /**
   * Reads the bytes again and compares their hash; what does not fit is put aside and never served.
   */
  VerifyFile(argument: _media_v1_VerifyFileRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_VerifyFileResponse>): grpc.ClientUnaryCall;
  VerifyFile(argument: _media_v1_VerifyFileRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_VerifyFileResponse>): grpc.ClientUnaryCall;
  VerifyFile(argument: _media_v1_VerifyFileRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_VerifyFileResponse>): grpc.ClientUnaryCall;
  VerifyFile(argument: _media_v1_VerifyFileRequestInput, callback: grpc.requestCallback<_media_v1_VerifyFileResponse>): grpc.ClientUnaryCall;
  /**
   * Reads the bytes again and compares their hash; what does not fit is put aside and never served.
   */
  verifyFile(argument: _media_v1_VerifyFileRequestInput, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_VerifyFileResponse>): grpc.ClientUnaryCall;
  verifyFile(argument: _media_v1_VerifyFileRequestInput, metadata: grpc.Metadata, callback: grpc.requestCallback<_media_v1_VerifyFileResponse>): grpc.ClientUnaryCall;
  verifyFile(argument: _media_v1_VerifyFileRequestInput, options: grpc.CallOptions, callback: grpc.requestCallback<_media_v1_VerifyFileResponse>): grpc.ClientUnaryCall;
  verifyFile(argument: _media_v1_VerifyFileRequestInput, callback: grpc.requestCallback<_media_v1_VerifyFileResponse>): grpc.ClientUnaryCall;
  
}

/**
 * Media of any owner: (model_type, model_id, collection_name) -> files.
 * Errors carry a gRPC status and, in the trailer `error-code`, one of the
 * codes of src/contract/errors.ts.
 */
export interface MediaServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Idempotent: an unknown id answers deleted = false.
   */
  DeleteFile: grpc.handleUnaryCall<_media_v1_DeleteFileRequest, _media_v1_DeleteFileResponseInput>;
  
  /**
   * NOT_FOUND when there is no such row.
   */
  GetFileByID: grpc.handleUnaryCall<_media_v1_GetFileByIDRequest, _media_v1_MediaInput>;
  
  GetFileByUUID: grpc.handleUnaryCall<_media_v1_GetFileByUUIDRequest, _media_v1_MediaInput>;
  
  /**
   * Results in request order; an unknown id has no url.
   */
  GetFileURLs: grpc.handleUnaryCall<_media_v1_GetFileURLsRequest, _media_v1_GetFileURLsResponseInput>;
  
  GetFilesByModel: grpc.handleUnaryCall<_media_v1_ModelQuery, _media_v1_ModelFilesInput>;
  
  /**
   * Results in request order; an owner without media has an empty result.
   */
  GetFilesByModels: grpc.handleUnaryCall<_media_v1_GetFilesByModelsRequest, _media_v1_GetFilesByModelsResponseInput>;
  
  /**
   * Messages that providers have told of. Results in request order; an unknown id has no message.
   */
  GetMessages: grpc.handleUnaryCall<_media_v1_GetMessagesRequest, _media_v1_GetMessagesResponseInput>;
  
  GetStats: grpc.handleUnaryCall<_media_v1_GetStatsRequest, _media_v1_StatsInput>;
  
  /**
   * Fetches a file from elsewhere, or takes the copy that is kept of it, and adds it to a collection.
   */
  ImportFile: grpc.handleUnaryCall<_media_v1_ImportFileRequest, _media_v1_MediaInput>;
  
  /**
   * The latest first.
   */
  ListMessages: grpc.handleUnaryCall<_media_v1_ListMessagesRequest, _media_v1_ListMessagesResponseInput>;
  
  /**
   * Idempotent. Answers the whole collection in its new order; each file that moved is announced.
   */
  ReorderFiles: grpc.handleUnaryCall<_media_v1_ReorderFilesRequest, _media_v1_ModelFilesInput>;
  
  /**
   * Has the media imported again, where that was given up. Idempotent; NOT_FOUND when there is no such message.
   */
  RetryMessageMedia: grpc.handleUnaryCall<_media_v1_RetryMessageMediaRequest, _media_v1_MessageInput>;
  
  /**
   * Sends a template message. Not idempotent. What the provider refuses is an answer, not an error of the call.
   */
  SendTemplate: grpc.handleUnaryCall<_media_v1_SendTemplateRequest, _media_v1_SendTemplateResponseInput>;
  
  /**
   * Idempotent; NOT_FOUND when there is no such row. Announced when it changed something.
   */
  UpdateFile: grpc.handleUnaryCall<_media_v1_UpdateFileRequest, _media_v1_MediaInput>;
  
  /**
   * Meta once, then bytes, last Finish. Without Finish, or when size or hash
   * do not match, nothing is kept (ABORTED).
   */
  UploadFile: grpc.handleClientStreamingCall<_media_v1_UploadFileRequest, _media_v1_MediaInput>;
  
  /**
   * Reads the bytes again and compares their hash; what does not fit is put aside and never served.
   */
  VerifyFile: grpc.handleUnaryCall<_media_v1_VerifyFileRequest, _media_v1_VerifyFileResponseInput>;
  
}

export interface MediaServiceDefinition extends grpc.ServiceDefinition {
  DeleteFile: MethodDefinition<_media_v1_DeleteFileRequestInput, _media_v1_DeleteFileResponseInput, _media_v1_DeleteFileRequest, _media_v1_DeleteFileResponse>
  GetFileByID: MethodDefinition<_media_v1_GetFileByIDRequestInput, _media_v1_MediaInput, _media_v1_GetFileByIDRequest, _media_v1_Media>
  GetFileByUUID: MethodDefinition<_media_v1_GetFileByUUIDRequestInput, _media_v1_MediaInput, _media_v1_GetFileByUUIDRequest, _media_v1_Media>
  GetFileURLs: MethodDefinition<_media_v1_GetFileURLsRequestInput, _media_v1_GetFileURLsResponseInput, _media_v1_GetFileURLsRequest, _media_v1_GetFileURLsResponse>
  GetFilesByModel: MethodDefinition<_media_v1_ModelQueryInput, _media_v1_ModelFilesInput, _media_v1_ModelQuery, _media_v1_ModelFiles>
  GetFilesByModels: MethodDefinition<_media_v1_GetFilesByModelsRequestInput, _media_v1_GetFilesByModelsResponseInput, _media_v1_GetFilesByModelsRequest, _media_v1_GetFilesByModelsResponse>
  GetMessages: MethodDefinition<_media_v1_GetMessagesRequestInput, _media_v1_GetMessagesResponseInput, _media_v1_GetMessagesRequest, _media_v1_GetMessagesResponse>
  GetStats: MethodDefinition<_media_v1_GetStatsRequestInput, _media_v1_StatsInput, _media_v1_GetStatsRequest, _media_v1_Stats>
  ImportFile: MethodDefinition<_media_v1_ImportFileRequestInput, _media_v1_MediaInput, _media_v1_ImportFileRequest, _media_v1_Media>
  ListMessages: MethodDefinition<_media_v1_ListMessagesRequestInput, _media_v1_ListMessagesResponseInput, _media_v1_ListMessagesRequest, _media_v1_ListMessagesResponse>
  ReorderFiles: MethodDefinition<_media_v1_ReorderFilesRequestInput, _media_v1_ModelFilesInput, _media_v1_ReorderFilesRequest, _media_v1_ModelFiles>
  RetryMessageMedia: MethodDefinition<_media_v1_RetryMessageMediaRequestInput, _media_v1_MessageInput, _media_v1_RetryMessageMediaRequest, _media_v1_Message>
  SendTemplate: MethodDefinition<_media_v1_SendTemplateRequestInput, _media_v1_SendTemplateResponseInput, _media_v1_SendTemplateRequest, _media_v1_SendTemplateResponse>
  UpdateFile: MethodDefinition<_media_v1_UpdateFileRequestInput, _media_v1_MediaInput, _media_v1_UpdateFileRequest, _media_v1_Media>
  UploadFile: MethodDefinition<_media_v1_UploadFileRequestInput, _media_v1_MediaInput, _media_v1_UploadFileRequest, _media_v1_Media>
  VerifyFile: MethodDefinition<_media_v1_VerifyFileRequestInput, _media_v1_VerifyFileResponseInput, _media_v1_VerifyFileRequest, _media_v1_VerifyFileResponse>
}
