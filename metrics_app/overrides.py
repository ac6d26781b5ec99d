"""The site's own prices, from their rows to what the pricing takes."""

from metrics_app.models import PriceOverride
from metrics_app.pricing import Override


def load_overrides() -> list[Override]:
    """All of them, in one query."""
    return [
        Override(
            id=row.pk,
            pattern=row.pattern,
            starts_at=row.starts_at,
            input=row.input_price,
            output=row.output_price,
            cache_write_5m=row.cache_write_5m_price,
            cache_write_1h=row.cache_write_1h_price,
            cache_read=row.cache_read_price,
            multiplier=row.multiplier,
        )
        for row in PriceOverride.objects.all()
    ]
