from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models


def _price_field(help_text: str = "") -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(
        max_digits=11,
        decimal_places=6,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(10_000))],
        help_text=help_text,
    )


class PriceOverride(models.Model):
    """A site's own prices, in USD per million tokens. They go before the price list."""

    pattern = models.CharField(
        max_length=100,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9._:@/\[\]*-]+\Z", "Letters, digits, . _ : @ / [ ] - and * only."
            )
        ],
        help_text="The answering model; * stands for any characters, as in claude-opus-*.",
    )
    starts_at = models.DateTimeField(
        help_text="The first call it holds for. The newest start wins, then the longest pattern."
    )
    input_price = _price_field("Without the cache.")
    output_price = _price_field()
    cache_write_5m_price = _price_field()
    cache_write_1h_price = _price_field()
    cache_read_price = _price_field()
    multiplier = models.DecimalField(
        max_digits=9,
        decimal_places=6,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.000001")), MaxValueValidator(Decimal(100))],
        help_text="The five prices are multiplied by it: 0.9 is a discount of 10 %.",
    )
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-starts_at", "pattern"]
        constraints = [
            models.UniqueConstraint(fields=["pattern", "starts_at"], name="override_once"),
            models.CheckConstraint(
                condition=models.Q(
                    input_price__gte=0,
                    output_price__gte=0,
                    cache_write_5m_price__gte=0,
                    cache_write_1h_price__gte=0,
                    cache_read_price__gte=0,
                    multiplier__gt=0,
                ),
                name="override_not_negative",
                violation_error_message="Prices are not negative, and the multiplier is above 0.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pattern} since {self.starts_at:%Y-%m-%d %H:%M}"

    def clean(self) -> None:
        self.pattern = self.pattern.strip().lower()
