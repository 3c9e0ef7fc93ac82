import { createSqlHandleStore } from '../../../src/media/rows/sql-handle-store.js';
import { createSqlSendStore } from '../../../src/media/rows/sql-send-store.js';
import { describeHandleStore } from '../../conformance/handle-store.js';
import { describeSendStore } from '../../conformance/send-store.js';
import { onBothDatabases } from '../both-databases.js';

onBothDatabases(createSqlSendStore, describeSendStore);
onBothDatabases(createSqlHandleStore, describeHandleStore);
