"""A shopping cart. Prices are whole cents."""

from dataclasses import dataclass, field


@dataclass
class Item:
    name: str
    price_cents: int
    quantity: int = 1


@dataclass
class Cart:
    items: list[Item] = field(default_factory=list)

    def add(self, name: str, price_cents: int, quantity: int = 1) -> None:
        if price_cents < 0 or quantity < 1:
            raise ValueError("a price is not negative, and a quantity at least 1")
        self.items.append(Item(name, price_cents, quantity))

    def total_cents(self, discount_percent: int = 0) -> int:
        """The sum with the discount taken off."""
        total = sum(item.price_cents * item.quantity for item in self.items)
        return total - discount_percent
