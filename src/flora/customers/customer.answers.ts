import { ApiProperty } from '@nestjs/swagger';
import { IsEmail } from 'class-validator';
import type { StoredCustomer } from './customer.schema.js';

export class SignIn {
  @ApiProperty({ example: 'ada.archer@example.com' })
  @IsEmail()
  email!: string;
}

export class SignedInAnswer {
  @ApiProperty({ description: 'To be sent as "Authorization: Bearer <token>".', example: 'demo-1' })
  readonly token: string;

  constructor({ number }: StoredCustomer) {
    this.token = `demo-${number}`;
  }
}

export class CustomerAnswer {
  @ApiProperty({ example: 1 })
  readonly number: number;

  @ApiProperty({ example: 'Ada Archer' })
  readonly name: string;

  @ApiProperty({ example: 'ada.archer@example.com' })
  readonly email: string;

  @ApiProperty({ example: 'Leipzig' })
  readonly city: string;

  constructor({ number, name, email, city }: StoredCustomer) {
    this.number = number;
    this.name = name;
    this.email = email;
    this.city = city;
  }
}
