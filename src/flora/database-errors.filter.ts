import { type ArgumentsHost, Catch, type ExceptionFilter, HttpStatus, Logger } from '@nestjs/common';
import type { Response } from 'express';
import mongoose from 'mongoose';

const { ValidationError, CastError } = mongoose.Error;
const { MongoError, MongoNetworkError, MongoServerError, MongoServerSelectionError } = mongoose.mongo;
const DUPLICATE_KEY = 11_000;

interface Told {
  statusCode: HttpStatus;
  message: string;
}

/** Gives errors of the database the status and the words that a visitor can do something with. */
@Catch(ValidationError, CastError, MongoError)
export class DatabaseErrorsFilter implements ExceptionFilter<Error> {
  private readonly log = new Logger(DatabaseErrorsFilter.name);

  catch(error: Error, host: ArgumentsHost): void {
    const told = tell(error);
    if (told.statusCode >= HttpStatus.INTERNAL_SERVER_ERROR) this.log.error(error.message);
    host.switchToHttp().getResponse<Response>().status(told.statusCode).json(told);
  }
}

function tell(error: Error): Told {
  if (error instanceof ValidationError || error instanceof CastError) {
    return { statusCode: HttpStatus.BAD_REQUEST, message: error.message };
  }
  if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) {
    const taken = Object.keys((error['keyPattern'] as object | undefined) ?? {}).join(', ');
    return { statusCode: HttpStatus.CONFLICT, message: `Another one has the same ${taken || 'key'}` };
  }
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) {
    const message = 'The database does not answer; try again in a moment';
    return { statusCode: HttpStatus.SERVICE_UNAVAILABLE, message };
  }
  return { statusCode: HttpStatus.INTERNAL_SERVER_ERROR, message: 'Internal server error' };
}
