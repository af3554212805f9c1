import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { welcomePage } from './welcome.page.js';

@ApiTags('shop')
@Controller()
export class WelcomeController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @ApiOperation({ summary: 'What to try' })
  @ApiOkResponse({ description: 'A page for people.', content: { 'text/html': {} } })
  welcome(@Req() { socket }: Request): string {
    return welcomePage(socket.localPort ?? 3_000);
  }
}
