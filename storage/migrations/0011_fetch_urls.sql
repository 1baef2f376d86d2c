-- What a tenant's requests name by URL is fetched for models that cannot get it themselves.
ALTER TABLE tenants ADD COLUMN fetch_urls boolean NOT NULL DEFAULT false;
