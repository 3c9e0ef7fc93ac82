// Original file: proto/media.proto


export interface GetStatsRequestInput {
}

export interface GetStatsRequest {
}
