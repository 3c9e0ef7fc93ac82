import { createSqlMessageStore } from '../../../src/media/rows/sql-message-store.js';
import { describeMessageStore } from '../../conformance/message-store.js';
import { onBothDatabases } from '../both-databases.js';

onBothDatabases(createSqlMessageStore, describeMessageStore);
