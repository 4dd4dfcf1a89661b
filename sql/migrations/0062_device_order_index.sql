-- No statement looks for devices by their order: what an order has issued is counted beside it.
drop index device_order_idx;
