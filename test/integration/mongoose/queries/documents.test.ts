import { documents } from '../../../conformance/queries/documents.js';
import { conform } from './conform.js';

conform(documents);
