/* The operations of the front, one file each kind; call.c routes to them. Private. */
#ifndef FIRSTRING_FACTORY_CA_FRONT_HANDLERS_H
#define FIRSTRING_FACTORY_CA_FRONT_HANDLERS_H

#include "factory-ca/front/call.h"

/* est_handler.c */
call_handler_fn handle_cacerts, handle_csrattrs, handle_enroll, handle_reenroll;
/* batch.c */
call_handler_fn handle_batch;
/* order_handler.c: what stations and operators read */
call_handler_fn handle_order_read, handle_model_read;
/* code_handler.c: a phone with its claim code */
call_handler_fn handle_device_read, handle_code_rotate;
/* records_handler.c: what operators look up */
call_handler_fn handle_report_read, handle_phone_read, handle_certificate_read,
    handle_operator_read;
/* crl_handler.c */
call_handler_fn handle_crl;
/* statement_handler.c: what operators sign */
call_handler_fn handle_statement;

#endif
