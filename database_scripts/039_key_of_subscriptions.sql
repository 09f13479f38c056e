-- Databases of version 0.0.1 have the status in the key of subscriptions. Two rows that only it told
-- apart arrived in one instant; the later stage of the contract's life is the newer one, all rows stay.

do $$
begin
    if exists (
        select 1
        from pg_constraint
        inner join pg_attribute
            on pg_attribute.attrelid = pg_constraint.conrelid
            and pg_attribute.attnum = any(pg_constraint.conkey)
        where pg_constraint.conrelid = to_regclass('raw_bronze.subscriptions')
            and pg_constraint.contype = 'p'
            and pg_attribute.attname = 'status'
    ) then
        alter table raw_bronze.subscriptions drop constraint subscriptions_pkey;
        update raw_bronze.subscriptions as delivered
        set loaded_at = delivered.loaded_at + (ranked.place - 1) * interval '1 microsecond'
        from (
            select
                ctid,
                row_number() over (
                    partition by subscription_id, event_timestamp, loaded_at
                    order by
                        case lower(trim(status)) when 'trial' then 1 when 'active' then 2 else 3 end,
                        status
                ) as place
            from raw_bronze.subscriptions
        ) as ranked
        where delivered.ctid = ranked.ctid and ranked.place > 1;
        alter table raw_bronze.subscriptions
            add primary key (subscription_id, event_timestamp, loaded_at);
    end if;
end
$$;
