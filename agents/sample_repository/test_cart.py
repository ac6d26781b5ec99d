import unittest

from cart import Cart


class CartTest(unittest.TestCase):
    def setUp(self) -> None:
        self.cart = Cart()
        self.cart.add("apple", 50, quantity=4)
        self.cart.add("bread", 300)

    def test_adds_up_quantities(self) -> None:
        self.assertEqual(self.cart.total_cents(), 500)

    def test_discount_is_a_percentage(self) -> None:
        self.assertEqual(self.cart.total_cents(discount_percent=10), 450)

    def test_negative_price_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            self.cart.add("magic", -1)


if __name__ == "__main__":
    unittest.main()
