import { transactions } from '../../../conformance/queries/transactions.js';
import { conform } from './conform.js';

conform(transactions);
