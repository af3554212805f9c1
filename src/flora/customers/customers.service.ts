import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Model } from 'mongoose';
import { Customer, type StoredCustomer } from './customer.schema.js';

@Injectable()
export class CustomersService {
  constructor(@InjectModel(Customer.name) private readonly customers: Model<Customer>) {}

  /** Asked on every request of a signed-in customer, so the answer is cached. */
  async findByNumber(number: number): Promise<StoredCustomer | null> {
    return this.customers.findOne({ number }).lean<StoredCustomer>().cache('10m');
  }

  async findByEmail(email: string): Promise<StoredCustomer | null> {
    return this.customers.findOne({ email: email.toLowerCase() }).lean<StoredCustomer>();
  }
}
