import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { StatisticsAnswer } from './statistics.answers.js';
import { StatisticsService } from './statistics.service.js';

@ApiTags('statistics')
@Controller('statistics')
export class StatisticsController {
  constructor(private readonly statistics: StatisticsService) {}

  @Get()
  @ApiOperation({
    summary: 'The shop in numbers',
    description:
      'A cached method (@Cacheable with tags): computed anew after an order or a change of a product.',
  })
  @ApiOkResponse({ type: StatisticsAnswer })
  get(): Promise<StatisticsAnswer> {
    return this.statistics.get();
  }
}
