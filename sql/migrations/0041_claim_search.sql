-- Looking for a phone by what stands on its label beside the MAC.

create index device_serial_number_idx on device (serial_number);
