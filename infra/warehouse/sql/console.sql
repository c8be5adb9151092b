-- name: bounds
-- For the transaction: a page that somebody looks at must neither change anything nor occupy the database.
SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', %(patience)s, true),
       set_config('max_parallel_workers_per_gather', '0', true);
